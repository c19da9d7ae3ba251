export type TimeLimit = Readonly<{
  /** Fires when the time is over, when the caller's signal fires, or on `close`. */
  signal: AbortSignal;
  /** Whether it fired because the time was over. */
  ranOut: () => boolean;
  /** Starts or restarts the time; 0 milliseconds means no limit. */
  start: (ms: number) => void;
  stop: () => void;
  /** Ends everything that still runs with the signal, and releases the caller's signal. */
  close: () => void;
}>;

/**
 * A time limit that also follows the caller's signal. `AbortSignal.any` with `AbortSignal.timeout` cannot be restarted, and in
 * Node 20 leaks some memory in the caller's signal, which may live for months.
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
