/**
 * The certificates in a text, each with its BEGIN and END lines; what stands between them is left out. Base64 holds no dash, so
 * one whose END line is missing does not run on into the next.
 */
export function splitCertificates(pem: string): readonly string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
}
