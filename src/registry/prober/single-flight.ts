/** Lets those who want the same thing at the same time have it from one attempt. */
export type SingleFlight<Result> = Readonly<{
  /** What `start` comes to, or an attempt under way for the same key. */
  share: (key: string, start: () => Promise<Result>) => Promise<Result>;
  has: (key: string) => boolean;
}>;

export function createSingleFlight<Result>(): SingleFlight<Result> {
  const flights = new Map<string, Promise<Result>>();
  return {
    has: (key) => flights.has(key),
    share: (key, start) => {
      const underWay = flights.get(key);
      if (underWay !== undefined) return underWay;
      const flight = start();
      const forget = (): void => {
        flights.delete(key);
      };
      flights.set(key, flight);
      flight.then(forget, forget);
      return flight;
    },
  };
}
