/** Where pullguard is published: its pages and its schema are under this address. */
export const REPOSITORY = 'https://github.com/pullguard/pullguard';

/** The newest version of a file of the repository: to be read by people, or as it is. */
export function linkToPage(path: string): string {
  return `${REPOSITORY}/blob/main/${path}`;
}

export function linkToFile(path: string): string {
  return `${REPOSITORY}/raw/main/${path}`;
}
