import { LONGEST_MEDIA_TYPE } from '../text/bounds.ts';

/** What a registry has besides images, in words of ours. */
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
 * What the media type of a configuration says to be no image: Helm charts, signatures and the like stand in registries beside images.
 * Undefined of images, of WebAssembly, which some runtimes start, and of what says nothing.
 *
 * @param artifactType what the manifest calls itself, for configurations that are empty
 */
export function nameArtifact(configType: unknown, artifactType?: unknown): Artifact | undefined {
  if (typeof configType !== 'string' || !/^application\/vnd\./i.test(configType) || IMAGE.test(configType)) {
    return undefined;
  }
  return nameType(configType) ?? nameType(artifactType) ?? OTHER;
}

/** The same of the media type of a manifest: only what is known to be no image. */
export function nameArtifactManifest(mediaType: string): Artifact | undefined {
  return nameType(mediaType) ?? (/^application\/vnd\.oci\.artifact\.manifest\./i.test(mediaType) ? OTHER : undefined);
}

const IMAGE = /^application\/vnd\.(?:oci\.image\.config|docker\.container\.image|wasm)\./i;

function nameType(type: unknown): Artifact | undefined {
  if (typeof type !== 'string' || type.length > LONGEST_MEDIA_TYPE) return undefined;
  return ARTIFACTS.find(([pattern]) => pattern.test(type.toLowerCase()))?.[1];
}
