/** The address of the repository, for links to pages and to the schema. */
export const REPOSITORY = 'https://github.com/pullguard/pullguard';

/** The newest version of a file in the repository, as a page or as the file itself. */
export function linkToPage(path: string): string {
  return `${REPOSITORY}/blob/main/${path}`;
}

export function linkToFile(path: string): string {
  return `${REPOSITORY}/raw/main/${path}`;
}
