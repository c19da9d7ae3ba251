import { Counter, type CounterConfiguration } from 'prom-client';

/** A counter that costs next to nothing until somebody looks. */
export type Tally<Label extends string> = Readonly<{ inc: (labels: Readonly<Record<Label, string>>) => void }>;

/**
 * A prom-client counter that is told its counts when it is scraped. prom-client checks and sorts the labels of every single
 * increment; half a dozen of those were a tenth of an admission.
 */
export function createTally<Label extends string>(configuration: CounterConfiguration<Label>): Tally<Label> {
  const counts = new Map<string, { labels: Readonly<Record<Label, string>>; count: number }>();
  const counter = new Counter({
    ...configuration,
    collect: () => {
      for (const { labels, count } of counts.values()) counter.inc(labels, count);
      counts.clear();
    },
  });
  return {
    inc: (labels) => {
      const key = Object.values(labels).join('\n');
      const known = counts.get(key);
      if (known === undefined) counts.set(key, { labels, count: 1 });
      else known.count++;
    },
  };
}
