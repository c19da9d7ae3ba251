import { generateKeyPairSync } from 'node:crypto';
import forge from 'node-forge';

/** PEM texts: a CA, and a certificate of it that says who calls, as an API server has one. */
export type ClientCertificates = Readonly<{ ca: string; cert: string; key: string }>;

export function makeClientCertificates(): ClientCertificates {
  const [authority, client] = [makeKeys(), makeKeys()];
  const caName = [{ shortName: 'CN', value: 'clients' }];
  const ca = makeCertificate(authority.publicKey, caName);
  ca.setIssuer(caName);
  ca.setExtensions([{ name: 'basicConstraints', cA: true, critical: true }]);
  const cert = makeCertificate(client.publicKey, [{ shortName: 'CN', value: 'kube-apiserver' }]);
  cert.setIssuer(caName);
  cert.setExtensions([{ name: 'extKeyUsage', clientAuth: true }]);
  const signer = forge.pki.privateKeyFromPem(authority.privateKey);
  for (const each of [ca, cert]) each.sign(signer, forge.md.sha256.create());
  return { ca: forge.pki.certificateToPem(ca), cert: forge.pki.certificateToPem(cert), key: client.privateKey };
}

function makeKeys(): { publicKey: string; privateKey: string } {
  return generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

function makeCertificate(publicKey: string, subject: forge.pki.CertificateField[]): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey);
  certificate.serialNumber = '01';
  certificate.validity.notBefore = new Date(Date.now() - 60_000);
  certificate.validity.notAfter = new Date(Date.now() + 3_600_000);
  certificate.setSubject(subject);
  return certificate;
}
