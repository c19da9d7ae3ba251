import { issueCertificate, makeAuthority, makeKeys } from '../../src/tls/authority.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** What a server shows, as PEM. */
export type ServedPair = Readonly<{ cert: string; key: string }>;

/** `ca` is what a policy would trust to accept `valid`, which is for `names`; each of the others has one thing wrong. */
export type RegistryCertificates = Readonly<{
  ca: string;
  valid: ServedPair;
  expired: ServedPair;
  notYetValid: ServedPair;
  wrongName: ServedPair;
  /** Of a CA that nobody trusts. */
  unknown: ServedPair;
  /** Its own issuer. */
  selfSigned: ServedPair;
}>;

const NAMES = ['registry.example.com', 'localhost', '127.0.0.1'];

/** Certificates for `names`: `registry.example.com`, `localhost` and `127.0.0.1` unless told otherwise. Takes a second. */
export async function makeRegistryCertificates(names: readonly string[] = NAMES): Promise<RegistryCertificates> {
  const [caKeys, otherKeys, { publicKey, privateKey }] = await Promise.all([makeKeys(), makeKeys(), makeKeys()]);
  const lastWeek = inDays(-7);
  const authority = makeAuthority(caKeys, { now: lastWeek, lifeMs: 30 * DAY_MS });
  const other = makeAuthority(otherKeys, { now: lastWeek, lifeMs: 30 * DAY_MS });
  const serve = (now: Date, { by = authority, for: served = names } = {}): ServedPair => ({
    cert: issueCertificate(by, { publicKey, names: served, now, lifeMs: DAY_MS }),
    key: privateKey,
  });

  return {
    ca: authority.pem,
    valid: serve(inDays(0)),
    expired: serve(lastWeek),
    notYetValid: serve(inDays(1)),
    wrongName: serve(inDays(0), { for: ['elsewhere.example.com'] }),
    unknown: serve(inDays(0), { by: other }),
    selfSigned: { cert: other.pem, key: otherKeys.privateKey },
  };
}

function inDays(days: number): Date {
  return new Date(Date.now() + days * DAY_MS);
}
