import type { FailedPull } from '../../cause/answer.ts';

/** Why there is no response. */
export type ExchangeFailure =
  | FailedPull
  /** Its address is one that the policy does not allow. */
  | Readonly<{ outcome: 'forbidden-address'; address: string }>;

/** Has no cause on purpose: errors of Node hold what the registry wrote, and the certificate that it showed. */
export class ExchangeError extends Error {
  override readonly name = 'ExchangeError';
  readonly failure: ExchangeFailure;

  constructor(failure: ExchangeFailure) {
    super(`the exchange failed: ${failure.outcome === 'failed' ? failure.cause : failure.outcome}`);
    this.failure = failure;
  }
}
