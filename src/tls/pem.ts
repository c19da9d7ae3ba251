/**
 * The certificates in a text, each with its BEGIN and END lines, without the text between them. Base64 has no dash, so a
 * certificate without an END line does not continue into the next one.
 */
export function splitCertificates(pem: string): readonly string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
}
