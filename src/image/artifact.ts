import { LONGEST_MEDIA_TYPE } from '../text/bounds.ts';

/** Kinds of artifacts in registries besides images, as messages name them. */
export type Artifact = (typeof ARTIFACTS)[number][1] | typeof OTHER;

const ARTIFACTS = [
  [/^application\/vnd\.cncf\.helm\./, 'a Helm chart'],
  [/\b(?:cosign|sigstore|notary)\b/, 'a signature'],
  [/\b(?:in-toto|spdx|cyclonedx|syft)\b/, 'an SBOM or attestation'],
  [/^application\/vnd\.docker\.plugin\./, 'a Docker plugin'],
  [/^application\/vnd\.cncf\.flux\./, 'a Flux artifact'],
  [/^application\/vnd\.cncf\.model\./, 'a model'],
] as const;

const OTHER = 'an OCI artifact';

/**
 * Names an artifact that is not an image, such as a Helm chart or a signature, by the media type of its configuration. Undefined
 * for images, for WebAssembly, which some runtimes can start, and for unknown types.
 *
 * @param artifactType the manifest's own type, used if the configuration is empty
 */
export function nameArtifact(configType: unknown, artifactType?: unknown): Artifact | undefined {
  if (typeof configType !== 'string' || !/^application\/vnd\./i.test(configType) || IMAGE.test(configType)) {
    return undefined;
  }
  return nameType(configType) ?? nameType(artifactType) ?? OTHER;
}

/** The same by the media type of a manifest. Undefined unless it is known not to be an image. */
export function nameArtifactManifest(mediaType: string): Artifact | undefined {
  return nameType(mediaType) ?? (/^application\/vnd\.oci\.artifact\.manifest\./i.test(mediaType) ? OTHER : undefined);
}

const IMAGE = /^application\/vnd\.(?:oci\.image\.config|docker\.container\.image|wasm)\./i;

function nameType(type: unknown): Artifact | undefined {
  if (typeof type !== 'string' || type.length > LONGEST_MEDIA_TYPE) return undefined;
  return ARTIFACTS.find(([pattern]) => pattern.test(type.toLowerCase()))?.[1];
}
