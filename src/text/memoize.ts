/** The most results, and the longest texts that are cached: about a megabyte if all have the longest text. */
const MOST_KEPT = 1000;
const LONGEST_KEPT = 512;

/**
 * Caches the results of a pure function. A cluster uses the same few hundred images in the same few fields again and again, and
 * parsing and checking an image is most of the work of an admission.
 */
export function memoize<Answer>(answer: (text: string) => Answer, longest = LONGEST_KEPT): (text: string) => Answer {
  const kept = new Map<string, Answer>();
  return (text) => {
    const known = kept.get(text);
    if (known !== undefined) return known;
    const computed = answer(text);
    if (text.length > longest) return computed;
    // Simple: dropping everything costs a busy cluster a millisecond now and then.
    if (kept.size >= MOST_KEPT) kept.clear();
    kept.set(text, computed);
    return computed;
  };
}

/** Caches the result of a function for an object as long as the object exists. */
export function memoizeByObject<Key extends object, Value>(compute: (key: Key) => Value): (key: Key) => Value {
  const known = new WeakMap<Key, Readonly<{ value: Value }>>();
  return (key) => {
    let found = known.get(key);
    if (found === undefined) known.set(key, (found = { value: compute(key) }));
    return found.value;
  };
}
