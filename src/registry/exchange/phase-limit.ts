/** A limit for a whole, and one for the part of it that goes on at the moment. */
export type PhaseLimit = Readonly<{
  /** Ends the phase before it, and gives the next one so many milliseconds. */
  begin: (ms: number) => void;
  /** Ends the phase; the whole goes on. */
  end: () => void;
  /** Ends everything, for good. */
  close: () => void;
}>;

/** `onOver` is told once, of whichever limit is over first. */
export function limitPhases(wholeMs: number, onOver: () => void): PhaseLimit {
  let isClosed = false;
  let phase: NodeJS.Timeout | undefined;
  const whole = setTimeout(giveUp, wholeMs);

  return { begin, end, close };

  function begin(ms: number): void {
    end();
    if (!isClosed) phase = setTimeout(giveUp, ms);
  }

  function end(): void {
    clearTimeout(phase);
  }

  function close(): void {
    isClosed = true;
    clearTimeout(whole);
    end();
  }

  function giveUp(): void {
    close();
    onOver();
  }
}
