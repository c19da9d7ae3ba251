/** Shows the progress of reading a cluster. `done` and `remaining` count objects; `remaining` may be unknown. */
export type Progress = Readonly<{ show: (what: string, done?: number, remaining?: number) => void }>;
