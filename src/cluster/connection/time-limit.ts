export type TimeLimit = Readonly<{
  /** Fires when the time is over, when the caller gives up, or at the end of it all. */
  signal: AbortSignal;
  /** Whether it fired because the time was over. */
  ranOut: () => boolean;
  /** Counts from now on, and from the start if it was counting; 0 milliseconds are no limit. */
  start: (ms: number) => void;
  stop: () => void;
  /** Ends what still runs under the signal, and leaves nothing behind. */
  close: () => void;
}>;

/**
 * A limit for something that is also given up when the caller's signal fires. `AbortSignal.any` with `AbortSignal.timeout`
 * cannot be started again, and in Node 20 leaves a little behind in the caller's signal, which may live for months.
 */
export function limitTime(callersSignal?: AbortSignal): TimeLimit {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const giveUp = (): void => {
    controller.abort();
  };
  const stop = (): void => {
    clearTimeout(timer);
  };
  if (callersSignal?.aborted === true) giveUp();
  callersSignal?.addEventListener('abort', giveUp, { once: true });
  return {
    signal: controller.signal,
    ranOut: () => isOver,
    start: (ms) => {
      stop();
      if (ms <= 0) return;
      timer = setTimeout(() => {
        isOver = !controller.signal.aborted;
        giveUp();
      }, ms);
    },
    stop,
    close: () => {
      stop();
      callersSignal?.removeEventListener('abort', giveUp);
      giveUp();
    },
  };
}
