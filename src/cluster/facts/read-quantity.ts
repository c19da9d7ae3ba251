/** Digits as Kubernetes takes them, and what they are multiplied with; no sign, as nothing here can be less than nothing. */
const QUANTITY = /^\+?(\d+(?:\.\d*)?|\.\d+)(?:([KMGTPE])i|([numkMGTPE]?)|[eE]([+-]?\d{1,3}))$/;

/** In powers of 1024. */
const BINARY = 'KMGTPE';

/** In powers of ten. */
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };

/**
 * The whole number that a quantity of Kubernetes stands for, such as bytes, rounded up as Kubernetes does
 * (`apimachinery/pkg/api/resource/quantity.go`): `1536Mi`, `1.5Gi`, `100G`, `1e3`, `129e6`, `2500m`. Undefined when it is none, is
 * negative, or is beyond all measure.
 */
export function readQuantity(text: string): number | undefined {
  const [whole, digits = '', binary, decimal = '', exponent] = QUANTITY.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const value =
    binary === undefined
      ? Number(`${digits}e${exponent ?? String(DECIMAL[decimal])}`)
      : Number(digits) * 1024 ** (BINARY.indexOf(binary) + 1);
  return Number.isFinite(value) ? Math.ceil(value) : undefined;
}
