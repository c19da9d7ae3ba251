import type { CauseCode } from './causes.ts';

/**
 * Messages of kubelet, the container engines, Go and registries for failed pulls, in lower case. The first match counts, so
 * specific phrases come before those at the end of many messages, such as `not found`. `a … b` are two phrases, the second after
 * the first. `#401` is the status of an HTTP response in any notation; `#5` is any status from 500 to 599. Phrases are separated
 * by `|`; `␣` is a space at the end of one.
 *
 * Taken from the sources of kubelet (images, kuberuntime, container), containerd 1.5 to 2.3 (remotes/docker, client, unpack,
 * cri), containers/image and CRI-O, moby and cri-dockerd, Go (net, net/http, crypto), distribution and Harbor, and from responses
 * of Docker Hub, ECR, Artifact Registry, ACR, GHCR, Quay, GitLab, Artifactory, Nexus, OCIR and SWR.
 */
export type Reading = Readonly<{
  phrases: readonly string[];
  cause: CauseCode;
  /** Other possible causes of the same words. */
  or?: readonly CauseCode[];
  /** Words that also occur in other messages: they only count together with an image, a registry or a pull. */
  isWeak?: true;
  /** The cause on Docker Hub, which returns the same for private and missing images, and where nearly all images are public. */
  onDockerHub?: CauseCode;
}>;

/** Other failures in a Pod, whose messages end with the same words. */
export const OF_NO_PULL: readonly string[] = list(`
  probe failed | probe errored | mountvolume | attachvolume | unable to attach or mount volumes |
  failed calling webhook | failed to call webhook | back-off restarting failed | crashloopbackoff | nodes are available |
  error getting node | failed to watch | failed to list | failed to update lease | failed to ensure lease exists |
  failed to renew lease | leader election | failed to update node status | unable to register node |
  failed to exec in container | executable file not found | poststarthook | prestop hook | failed to get cpu utilization |
  failedgetresourcemetric | failed to retrieve metrics | error when evicting
`);

/** Of a pull that goes well, or has not failed yet. */
export const ALL_IS_WELL: readonly string[] = list(`
  successfully assigned | successfully pulled image | already present on machine | returns image reference |
  created container | started container | container created | container started | stopping container |
  scaled up replica set | scaled down replica set | created pod: | deleted pod: | pulling image␣ | pulled image:␣ |
  trying to pull␣ | image is up to date for␣ | add eth0␣
`);

export const READINGS: readonly Reading[] = [
  // kubelet, before any registry is asked.
  {
    cause: 'reference-invalid',
    phrases: list(`
      failed to apply default image tag | invalidimagename | couldn't parse image | failed to parse image reference |
      invalid reference format | repository name must be lowercase | repository name must be canonical |
      repository name must not be longer than | cannot normalize input | parse image name: | object required
    `),
  },
  {
    cause: 'short-name',
    phrases: list(`
      short-name … did not resolve to an alias | short name mode is enforcing | short-name resolution enforced
    `),
  },
  {
    cause: 'pull-secret-missing',
    phrases: list(`
      unable to retrieve some image pull secrets | failedtoretrieveimagepullsecret | unable to retrieve pull secret
    `),
  },
  { cause: 'pull-qps', phrases: ['pull qps exceeded'] },
  {
    cause: 'never-pull',
    phrases: ['with pull policy of never', 'errimageneverpull', 'with imagepullpolicy of never'],
  },
  {
    cause: 'runtime-down',
    phrases: list(`
      dial unix | cannot connect to the docker daemon | is the docker daemon running | transport is closing |
      transport: error while dialing | error reading from server: eof | server is not initialized yet |
      container runtime is down | container runtime is not running | validate service connection |
      unknown service runtime | open //./pipe/
    `),
  },

  // The disk of the node.
  {
    cause: 'disk-full',
    phrases: list(`
      no space left on device | disk quota exceeded | free data blocks which is less than minimum |
      free metadata blocks which is less than minimum | garbage collect required amount of images |
      not enough space on the disk | insufficient free space | insufficient free bytes | insufficient space on |
      low on resource: ephemeral-storage | low on resource: imagefs | low on resource: nodefs | low on resource: inodes |
      attempting to reclaim ephemeral-storage | attempting to reclaim inodes | attempting to reclaim nodefs |
      attempting to reclaim imagefs | under disk pressure | diskpressure
    `),
  },
  {
    cause: 'disk-unwritable',
    phrases: ['read-only file system', 'input/output error', 'structure needs cleaning', 'stale file handle'],
  },

  // Rules of the registry, and of the node.
  {
    cause: 'access-blocked',
    phrases: list(`
      due to configured policy | projectpolicyviolation | download blocking policy | blocked by … policy |
      is not signed by | is not signed in | is not allowed access | client with ip | billing is disabled |
      billing account … disabled | is disabled in state | account is suspended | account has been suspended |
      unavailable for legal reasons | #451 | #402 | #412 | since your location | api has not been used in project |
      cloudfront distribution is configured to block access | download limit exceeded | bandwidth quota | storage quota |
      xray | is quarantined | has been disabled | container registry is deprecated and shutting down |
      has been shut down | system is in read only mode
    `),
  },
  {
    cause: 'registry-blocked',
    phrases: list(`
      is blocked in | blocked by mirror policy | not in the list of allowed registries | rejected by policy
    `),
  },
  {
    cause: 'signature-refused',
    phrases: list(`
      signaturevalidationfailed | signature validation failed | source image rejected | a signature was required |
      none of the signatures were accepted | image verifier … blocked pull | blocking pull of | no valid trust data |
      does not have trust data | image policy webhook | signature verification failed | notary … error
    `),
  },

  // A network of Pods that is not ready has nothing to do with images, even if the message mentions a route.
  {
    cause: 'sandbox-failed',
    phrases: list('network for sandbox | network for pod | networkplugin | network plugin | cni config | plugin type='),
  },

  // What is there, and cannot be run.
  {
    cause: 'platform-missing',
    phrases: list(`
      no match for platform | no matching manifest for |
      no image found in manifest list for | no image found in image index for | no image satisfies requirements |
      cannot be used on this platform | cannot download image with operating system |
      snapshotter … does not support platform | choosing an image from manifest list | choosing image instance |
      no supported platform | is incompatible with a | no manifest found for platform |
      does not provide the specified platform | does not match the specified platform |
      does not match the detected host platform | exec format error | requested platform(s) … not found |
      no images providing the requested platform | operating system is not supported
    `),
  },
  {
    cause: 'schema-1',
    phrases: list(`
      manifest.v1+prettyjws | docker.distribution.manifest.v1 | is no longer supported since containerd |
      schema 1 image manifests are no longer supported | schema 1 images have been deprecated |
      schema 1 support has been removed | schema 1 support is disabled | schema 1 not supported |
      schema 1 conversion failed | image format v1 | unsupported schema version 1 | missing signature key |
      schema1 manifest | v1 container registry
    `),
  },
  {
    cause: 'not-an-image',
    phrases: list(`
      mismatched image rootfs and manifest layers | number of layers and diffids don't match |
      layers from manifest don't match image configuration | invalid rootfs in image configuration |
      unsupported image-specific operation on artifact | encountered remote | unsupported config media type |
      unknown config media type | application/vnd.cncf. | application/vnd.wasm | application/vnd.in-toto |
      application/vnd.dev.cosign | application/vnd.docker.plugin | application/vnd.docker.ai | application/vnd.oci.empty |
      ai models are not yet supported | running ai models directly | unmarshal image config | failed to resolve rootfs |
      missing image config | without a valid image config | parsing image configuration | invalid mixed oci image |
      invalid image json | layers length mismatch | too many non-empty layers in history | is not a container image |
      not an image
    `),
  },
  { cause: 'web-page', phrases: ['text/html'] },
  { cause: 'broken-registry', phrases: ['rejecting … byte manifest', 'invalid token auth challenge realm'] },

  // As GHCR refuses a token; a layer may also not match what is expected.
  {
    cause: 'access-denied',
    phrases: ['does not match expected scopes'],
    or: ['credentials-missing', 'repository-not-found'],
  },

  // Layers that came and are not right.
  {
    cause: 'layer-unsupported',
    phrases: list(`
      no processor for media-type | no processor for media type | failed to get stream processor |
      unsupported compression | unsupported content-encoding | zstd compression is not supported |
      compression not supported | unknown media type during manifest conversion | unsupported layer | unknown layer |
      necessary decryptparameters not present | missing private key needed for decryption |
      no suitable key unwrapper found | no suitable key found for decrypting | failed to decrypt layer |
      decrypting layer | encrypted layers
    `),
  },
  {
    cause: 'layer-corrupt',
    phrases: list(`
      failed size validation | failed precondition | unexpected commit digest | unexpected commit size |
      unexpected digest received | does not match provided manifest digest | does not match selected manifest digest |
      size mismatch | config claims | could not verify layer data | verification failed for digest |
      layer verification failed | wrong diff id | digest mismatch | digest did not match | does not match expected |
      does not match config's diffid | invalid checksum | gzip: invalid | flate: corrupt input | zlib: invalid |
      magic number mismatch | invalid tar header | invalid archive | failed to extract layer … unexpected eof |
      failed to register layer … unexpected eof | applylayer … unexpected eof |
      error processing tar file … unexpected eof | unpigz | could not get decompression stream |
      initializing decompression | breakout | is outside of | zstd:␣ | archive/tar:␣
    `),
  },

  // The way to the registry. A proxy stands before all that may be wrong with the way to it.
  {
    cause: 'proxy-failed',
    phrases: list(`
      proxyconnect tcp | socks connect | proxy authentication required | proxy error | #407 | invalid proxy |
      error parsing proxy url | unknown scheme:␣
    `),
  },
  {
    cause: 'rate-limited',
    phrases: list(`
      toomanyrequests | #429 | too many requests | pull rate limit | rate exceeded | rate limit exceeded | ratelimit |
      quota exceeded for quota metric | throttling | request limit exceeded
    `),
  },
  { cause: 'access-blocked', phrases: ['quota exceeded'] },
  {
    cause: 'no-tls',
    phrases: list(`
      server gave http response to https client | first record does not look like a tls handshake | wrong version number
    `),
  },
  {
    cause: 'tls-required',
    phrases: list(`
      client sent an http request to an https server | http request was sent to https port | malformed http response
    `),
  },
  {
    cause: 'unknown-ca',
    phrases: list(`
      certificate signed by unknown authority | unable to get local issuer certificate | self-signed certificate |
      self signed certificate | certificate is not trusted | certificate verify failed
    `),
  },
  {
    cause: 'certificate-expired',
    phrases: list(`
      certificate has expired | certificate is not yet valid |
      current time … is before | current time … is after
    `),
  },
  {
    cause: 'certificate-wrong-host',
    phrases: list(`
      certificate is valid for | certificate is not valid for any names | cannot validate certificate for |
      relies on legacy common name | doesn't contain any ip sans | hostname mismatch
    `),
  },
  {
    cause: 'certificate-unusable',
    phrases: list(`
      x509: | failed to parse certificate from server | failed to verify certificate | unable to load ca cert |
      unable to read ca cert
    `),
  },
  { cause: 'timeout', phrases: ['tls handshake timeout'] },
  {
    cause: 'tls-failed',
    phrases: list(`
      remote error: tls: | local error: tls: | failed to load x509 key pair | missing client certificate | tls:␣
    `),
  },
  { cause: 'no-such-host', phrases: ['no such host'], or: ['dns-failed'] },
  {
    cause: 'dns-failed',
    phrases: list(`
      server misbehaving | temporary failure in name resolution | no answer from dns server | lookup … i/o timeout |
      lookup … connection refused | lookup … network is unreachable | lookup … no route to host |
      lookup … operation was canceled | lookup … context deadline exceeded | lookup … try again |
      lookup … cannot unmarshal dns message | could not resolve host | name or service not known | getaddrinfo
    `),
  },
  {
    cause: 'no-route',
    phrases: list(`
      no route to host | network is unreachable | network unreachable | host is down | host is unreachable |
      connect: operation not permitted | connect: permission denied | cannot assign requested address |
      address family not supported | no suitable address found
    `),
  },
  { cause: 'connection-refused', phrases: ['connection refused', 'actively refused it', 'connection was refused'] },
  {
    cause: 'timeout',
    phrases: list(`
      i/o timeout | exceeded while awaiting headers | request canceled while waiting for connection |
      connection timed out | operation timed out | timeout awaiting |
      did not properly respond after a period of time | http2: timeout
    `),
  },
  {
    cause: 'image-too-large',
    phrases: list(`
      cancellation while reading body | exceeded while reading body | no progress in | exceed image pull deadline |
      exceeded image pull deadline | for image pull progress updates | exceeded maximum allowed artifact size |
      image is too large | image too large | request entity too large
    `),
    or: ['timeout'],
  },
  {
    cause: 'connection-reset',
    phrases: list(`
      connection reset by peer | broken pipe | forcibly closed by the remote host |
      an established connection was aborted | goaway | stream error: stream id | stream closed |
      use of closed network connection | client connection lost | client connection force closed |
      server closed idle connection | transport connection broken | unexpected eof | short read: expected |
      failed to read expected number of bytes | read/write on closed pipe
    `),
  },
  { cause: 'connection-reset', isWeak: true, phrases: ['eof'] },

  // What the node does with what came.
  {
    cause: 'unpack-failed',
    phrases: list(`
      failed to extract layer | failed to register layer | failed to unpack image on snapshotter | apply layer error |
      failed to prepare extraction snapshot | unable to prepare extraction snapshot | unable to initialize unpacker |
      failed to stat snapshot | failed to commit snapshot | failed to lchown | lsetxattr | failed to setxattr |
      max depth exceeded | error creating overlay mount | adding layer with blob | applylayer |
      error processing tar file | potentially insufficient uids or gids | unhandled tar header | commit failed: rename |
      writing blob: storing blob to file | storing blob to file | creating temporary file | temporary on-disk layer |
      snapshot does not exist | snapshot … does not exist | parent does not exist | bucket does not exist |
      missing parent … bucket | upperdir not found | does not support d_type
    `),
  },
  {
    cause: 'image-gone',
    phrases: list(`
      no such image | image not known | failed to get image from containerd | from containerd image store |
      failed to update image store | failed to create image reference | not found in container storage |
      does not exist locally | does not resolve to an image id | content digest … not found | (corruption?)
    `),
  },
  { cause: 'image-not-found', phrases: ['must be pulled with an explicit version'] },

  // The registry, and what stands before it.
  {
    cause: 'web-page-not-found',
    phrases: ['#404 … <!doctype', '#404 … <html', '404 page not found', 'statuscode: 404, "'],
  },
  {
    cause: 'web-page',
    phrases: ["invalid character '<'", '<!doctype', '<html'],
  },
  {
    cause: 'server-error',
    phrases: list(`
      #5 | internal server error | bad gateway | service unavailable | gateway timeout | gateway time-out |
      temporarily unavailable | internal_error | unknown: internal
    `),
  },

  // Credentials.
  {
    cause: 'pull-secret-malformed',
    phrases: list(`
      invalid decoded auth | illegal base64 data | parse server address: | decoding authentication |
      invalid credentials format | non-empty identity token found
    `),
  },
  {
    cause: 'credentials-missing',
    phrases: list(`
      you may not login yet | no basic auth credentials | auth is empty | missing username or secret |
      anonymous users are only allowed | unauthenticated request | authenticated user is required | anonymous access |
      not logged in | must be logged in | must be authenticated | need to be authenticated | you must login |
      please login | please log in | credentials are required | no credentials | authorization header
    `),
  },
  {
    cause: 'credentials-refused',
    phrases: list(`
      incorrect username or password | invalid username or password | invalid username, password | wrong username |
      wrong password | bad username or password | invalid password | bad credentials | invalid credentials |
      password is incorrect | basic: access denied | authentication failed | authenticate error | failed to authenticate |
      personal access token | must be verified before using account | token has expired | token is expired |
      expired token | token expired | token exchange failed | invalid token | invalid_token | could not find robot |
      robot … not found | bad props auth token | account … locked
    `),
  },
  { cause: 'credentials-refused', phrases: ['invalid username/password'], or: ['credentials-missing'] },
  { cause: 'credentials-missing', phrases: ['failed to fetch anonymous token … #401'], or: ['credentials-refused'] },
  {
    cause: 'token-denied-anonymous',
    phrases: ['failed to fetch anonymous token … #403'],
    or: ['access-denied', 'repository-not-found'],
  },
  { cause: 'credentials-refused', phrases: ['failed to fetch oauth token … #401'] },
  { cause: 'token-denied', phrases: ['failed to fetch oauth token … #403'] },
  { cause: 'token-denied', phrases: ['requesting bear … #403', 'bearer token … #403'], or: ['token-denied-anonymous'] },
  {
    cause: 'access-denied',
    phrases: list(`
      unauthorized to access repository | does not have permission | do not have permission | don't have permission |
      don't have the needed permissions | needed permissions |
      permission … denied on resource | permission_denied | not authorized to perform | is not authorized |
      not authorized to access | access forbidden | not allowed to pull | insufficient permission | insufficient rights |
      no permission
    `),
    or: ['credentials-missing', 'repository-not-found'],
  },
  {
    cause: 'anonymous-denied',
    phrases: list(`
      pull access denied | may require authorization | may require 'docker login' | insufficient_scope | no pull access
    `),
    or: ['repository-not-found', 'credentials-missing'],
    onDockerHub: 'repository-not-found',
  },
  {
    cause: 'access-denied',
    phrases: ['access to the resource is denied'],
    or: ['repository-not-found', 'credentials-missing'],
    onDockerHub: 'repository-not-found',
  },

  // What does not exist. A missing layer, or a missing manifest of a platform, is not a wrong tag.
  {
    cause: 'layer-missing',
    phrases: list(`
      could not fetch content | content at … not found | found, but some content is missing | blob unknown |
      failed open: content at | unknown blob | blob not found | references to blobs | reading blob … #404 |
      fetching blob … #404 | reading blob … not found | reports content size of zero | fetching target platform image
    `),
  },
  {
    cause: 'repository-not-found',
    phrases: list(`
      name unknown | name_unknown | repository name not known | the repository with name … does not exist |
      repository … not found | project … not found | repository does not exist | the repo does not exist |
      repository not found | no such repository | namespace … not found | namespace does not exist |
      failed to find docker v2 repository | name invalid | invalid repository name
    `),
  },
  {
    cause: 'image-not-found',
    phrases: list(`
      manifest unknown | manifest_unknown | unknown manifest | manifest for … not found | image manifest does not exist |
      requested image not found | tag … was deleted | no such manifest | has expired or has been deleted
    `),
  },
  {
    cause: 'access-denied',
    isWeak: true,
    phrases: ['#403', 'forbidden'],
    // ECR answers 403 to an expired token, and a request of containerd without a body does not say so.
    or: ['credentials-refused', 'access-blocked', 'credentials-missing'],
  },
  {
    cause: 'credentials-missing',
    isWeak: true,
    phrases: list(`
      #401 | authentication required | authentication is required | failed to find supported auth scheme | unauthorized:␣
    `),
    or: ['credentials-refused', 'access-denied'],
  },
  {
    cause: 'access-denied',
    isWeak: true,
    phrases: ['denied: ', ': denied', '= denied'],
    or: ['credentials-missing', 'repository-not-found'],
  },
  {
    cause: 'credentials-refused',
    isWeak: true,
    phrases: ['unauthorized', 'authorization failed'],
    or: ['credentials-missing'],
  },
  { cause: 'dns-failed', phrases: ['dial tcp: lookup'], or: ['no-such-host'] },
  { cause: 'timeout', phrases: ['dial tcp'], or: ['no-route', 'connection-refused'] },
  // Cut off after the request, before any response.
  { cause: 'timeout', phrases: ['token: get "', 'token: post "'], or: ['connection-refused', 'tls-failed'] },
  { cause: 'credentials-refused', phrases: ['failed to fetch oauth token'], or: ['token-denied'] },
  { cause: 'credentials-missing', phrases: ['failed to fetch anonymous token'], or: ['token-denied-anonymous'] },
  { cause: 'image-not-found', isWeak: true, phrases: ['#404'] },
  {
    cause: 'image-not-found',
    isWeak: true,
    phrases: [': not found', 'image not found', 'manifest not found', 'tag not found', 'not found', 'does not exist'],
  },

  // A node with this message is slow in everything: no image was requested yet.
  {
    cause: 'sandbox-failed',
    phrases: ['create pod sandbox: rpc error: code = deadlineexceeded desc = context deadline exceeded'],
    or: ['image-too-large'],
  },

  // Timeouts. After a request, the registry did not respond; otherwise the image did not arrive.
  {
    cause: 'timeout',
    phrases: list(`
      failed to do request … context deadline exceeded | get "· … context deadline exceeded |
      head "· … context deadline exceeded | pinging container registry … context deadline exceeded |
      client.timeout exceeded
    `),
    or: ['image-too-large'],
  },
  {
    cause: 'image-too-large',
    isWeak: true,
    phrases: list(`
      context canceled | context cancelled | context deadline exceeded | deadlineexceeded | request canceled |
      registration cancelled | download cancelled | operation was canceled | code = canceled
    `),
    or: ['timeout'],
  },
  { cause: 'registry-unavailable', phrases: ['registryunavailable', 'registry is unavailable'], or: ['server-error'] },
  {
    cause: 'broken-registry',
    isWeak: true,
    phrases: list(`
      #4 | #3 | unexpected status | unexpected media type | unexpected http status | received unexpected |
      stopped after 10 redirects | did not include a token | no realm specified | missing realm |
      unable to decode token response | no registries | no endpoints found | no resolve hosts |
      in header not a valid digest | unhandled content range | does not support byte ranges |
      error parsing http | unsupported manifest format | unimplemented manifest | decoding bearer token |
      exceeded maximum allowed size of | invalid content digest in response | doesn't support byte ranges |
      mediatype | media-type:␣
    `),
  },
  { cause: 'image-gone', phrases: ['failed to inspect image', 'imageinspecterror'] },
  {
    cause: 'sandbox-failed',
    phrases: list(`
      failed to create pod sandbox | failed create pod sandbox | failed to create sandbox | failed to start sandbox |
      createpodsandboxerror | failed to setup network for sandbox
    `),
  },

  // Only the code of gRPC, if the message is cut off after it.
  { cause: 'image-not-found', phrases: ['code = notfound'], or: ['platform-missing'] },
  { cause: 'access-denied', phrases: ['code = permissiondenied'] },
  { cause: 'credentials-refused', phrases: ['code = unauthenticated'], or: ['credentials-missing'] },
];

/** Messages without a reason: kubelet waits, and the reason is in an earlier event. */
export const WITHOUT_REASON: readonly string[] = list(`
  back-off pulling image | imagepullbackoff | errimagepull | failed to pull image | failed to startcontainer for |
  startcontainer | error syncing pod, skipping | error syncing pod | error | reason | waiting | rpc | code = unknown |
  desc = | with | err | pod | image | for | failed to
`);

/** The phrases of a text: `a | b`. */
function list(text: string): readonly string[] {
  return text.split('|').map((phrase) => phrase.trim().replace('␣', ' '));
}
