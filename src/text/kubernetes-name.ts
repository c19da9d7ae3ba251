/** An RFC 1123 subdomain, the form of most names in Kubernetes, such as those of Secrets. */
export const SUBDOMAIN_PATTERN = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$';
export const MAX_SUBDOMAIN = 253;

const SUBDOMAIN = new RegExp(SUBDOMAIN_PATTERN);
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

export function isSubdomain(text: string): boolean {
  return text.length <= MAX_SUBDOMAIN && SUBDOMAIN.test(text);
}

/** An RFC 1123 label, the form of the name of a namespace. */
export function isLabel(text: string): boolean {
  return text.length <= 63 && LABEL.test(text);
}
