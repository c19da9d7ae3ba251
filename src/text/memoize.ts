/** At most so many answers, to texts at most so long: about a megabyte if all were as long as they may be. */
const MOST_KEPT = 1000;
const LONGEST_KEPT = 512;

/**
 * A pure function that remembers its last answers. A cluster runs the same few hundred images in the same few fields over and
 * over, and to read and doubt an address is most of what an admission costs.
 */
export function memoize<Answer>(answer: (text: string) => Answer, longest = LONGEST_KEPT): (text: string) => Answer {
  const kept = new Map<string, Answer>();
  return (text) => {
    const known = kept.get(text);
    if (known !== undefined) return known;
    const computed = answer(text);
    if (text.length > longest) return computed;
    // All at once is crude, and costs a busy cluster a millisecond now and then.
    if (kept.size >= MOST_KEPT) kept.clear();
    kept.set(text, computed);
    return computed;
  };
}

/** Remembers what a function makes of an object for as long as the object is there. */
export function memoizeByObject<Key extends object, Value>(compute: (key: Key) => Value): (key: Key) => Value {
  const known = new WeakMap<Key, Readonly<{ value: Value }>>();
  return (key) => {
    let found = known.get(key);
    if (found === undefined) known.set(key, (found = { value: compute(key) }));
    return found.value;
  };
}
