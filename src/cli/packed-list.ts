import { deflateRawSync, inflateRawSync } from 'node:zlib';

/** A list that is only gone through, as an array may be. */
export type List<Value> = Iterable<Value> & Readonly<{ length: number }>;

/** So many are held as they are: few inputs have more findings, and to compress them takes time. */
const MOST_LOOSE = 2000;

/** Of so many the text is compressed at once: findings are alike, and take a twentieth of the memory. */
const PACKED_TOGETHER = 250;

/** A list of values of JSON that may have any length: all but some thousand of them are held compressed. */
export class PackedList<Value> implements List<Value> {
  readonly #first: Value[] = [];
  readonly #packed: Buffer[] = [];
  #last: Value[] = [];

  get length(): number {
    return this.#first.length + this.#packed.length * PACKED_TOGETHER + this.#last.length;
  }

  push(value: Value): void {
    if (this.#first.length < MOST_LOOSE) {
      this.#first.push(value);
      return;
    }
    this.#last.push(value);
    if (this.#last.length < PACKED_TOGETHER) return;
    this.#packed.push(packText(JSON.stringify(this.#last)));
    this.#last = [];
  }

  *[Symbol.iterator](): Iterator<Value> {
    yield* this.#first;
    for (const packed of this.#packed) yield* JSON.parse(unpackText(packed)) as Value[];
    yield* this.#last;
  }
}

export function packText(text: string): Buffer {
  return deflateRawSync(text, { level: 1 });
}

export function unpackText(packed: Buffer): string {
  return inflateRawSync(packed).toString();
}
