import type { CertificateProblem, UnreachableCause } from '../../cause/image-answer.ts';

/** Why there is no response. Texts are ours, without a full stop. */
export type ExchangeFailure =
  | Readonly<{ outcome: 'certificate'; problem: CertificateProblem }>
  | Readonly<{ outcome: 'unreachable'; cause: UnreachableCause }>
  | Readonly<{ outcome: 'broken'; said: string }>
  /** Its address is one that the policy does not allow. */
  | Readonly<{ outcome: 'forbidden-address'; address: string }>;

/** Has no cause on purpose: errors of Node hold what the registry wrote, and the certificate that it showed. */
export class ExchangeError extends Error {
  override readonly name = 'ExchangeError';
  readonly failure: ExchangeFailure;

  constructor(failure: ExchangeFailure) {
    super(`the exchange failed: ${failure.outcome}`);
    this.failure = failure;
  }
}
