import { DOCKER_HUB } from '../image/docker-hub.ts';
import { splitDomain } from '../image/grammar.ts';
import type { ImageReference } from '../image/reference.ts';
import type { FailedPull, ImageAnswer, UnreachableCause } from './image-answer.ts';
import { CCE_SECRET } from '../image/swr.ts';

/** The pull secrets of who asked. */
export type SecretsAsked = Readonly<{
  /** Their names; empty when nobody knows which it was asked with. */
  secrets: readonly string[];
  /** The one that the policy gives to such images, for where their own are not known. */
  usualSecret?: string | undefined;
}>;

/**
 * What to do when a registry answers so, as the FAQ has it: sentences in one line, and commands with the real host and port
 * in them, behind a colon. No full stop follows a command, as it would be copied with it, and no sentence either.
 */
export function adviseOn(answer: ImageAnswer & FailedPull, reference: ImageReference, asked: SecretsAsked): string {
  const { endpoint } = answer;
  switch (answer.outcome) {
    case 'denied':
      return adviseDenied(answer, reference, asked);
    case 'not-found':
      return `Correct the address, or push the image there. Some registries say the same to a user who may not see an image: then name a pull secret of one who may.${listTags(answer, reference)}`;
    case 'certificate':
      return adviseCertificate(answer.problem, endpoint);
    case 'unreachable':
      return adviseUnreachable(answer.cause, endpoint);
    case 'rate-limited':
      return `Push the image to SWR and pull it from there; a mirror in the policy has every pod do so. Or name a pull secret of an account with a higher limit for ${endpoint}. Requests are counted by address, so the nodes may have some left where pullguard has none, or the other way round.`;
    case 'broken':
      return adviseBroken(answer, endpoint);
  }
}

/** Whether a registry is taken for broken as nobody there speaks TLS: it may speak plain HTTP. */
export function speaksNoTls({ said }: Readonly<{ said: string }>): boolean {
  return said === 'it does not speak TLS';
}

function adviseDenied(
  { asked, lacks }: Extract<FailedPull, { outcome: 'denied' }>,
  { registry, repository }: ImageReference,
  secrets: SecretsAsked,
): string {
  const isAnonymous = asked === 'anonymously';
  if (lacks === 'login') return isAnonymous ? adviseNoLogin(registry, secrets) : adviseRefused(registry, secrets);
  const who = isAnonymous ? 'a user, whose pull secret the pod then names,' : 'the user of the pull secret';
  return `Give ${who} the right to pull ${repository} from ${registry} (in SWR a permission of the organization), or correct the address if there is no such repository.`;
}

/** Of several secrets nobody knows which was refused, and the one of CCE is not for others to make again. */
function adviseRefused(registry: string, asked: SecretsAsked): string {
  const { secrets, usualSecret = 'NAME' } = asked;
  const [only = usualSecret] = secrets;
  const isOne = secrets.length < 2 && secrets.every((name) => isSafeName(name));
  if (!isOne || only === CCE_SECRET) return adviseNoLogin(registry, asked);
  return `Make the pull secret again, in the pod's namespace and with the right user and password: kubectl -n NAMESPACE delete secret ${only} --ignore-not-found && ${createSecret(only, registry)}`;
}

/** A name may be any text until the API server has looked at it; what is to be copied into a shell must not be. */
function isSafeName(name: string): boolean {
  return /^[a-z0-9][a-z0-9.-]*$/.test(name);
}

function adviseNoLogin(registry: string, { secrets, usualSecret = 'NAME' }: SecretsAsked): string {
  const isSwr = registry.startsWith('swr.') || usualSecret === CCE_SECRET;
  if (isSwr && !secrets.includes(CCE_SECRET)) {
    return `Name ${CCE_SECRET} in imagePullSecrets: CCE keeps it in every namespace for the SWR of its own region. For another region make one: ${createSecret('NAME', registry)}`;
  }
  const name = secrets.length > 0 ? 'NAME' : usualSecret;
  return `Make a secret in the pod's namespace and name it in imagePullSecrets: ${createSecret(name, registry)}`;
}

/** Credentials for a host do not serve `host:443`: the server has to be as images write it. */
function createSecret(name: string, registry: string): string {
  const server = registry === DOCKER_HUB ? 'https://index.docker.io/v1/' : registry;
  return `kubectl -n NAMESPACE create secret docker-registry ${name} --docker-server=${server} --docker-username=USER --docker-password=PASSWORD`;
}

/** Of a repository that is not there, and of an image that is known by its digest, tags are no help. */
function listTags(
  { missing }: Extract<FailedPull, { outcome: 'not-found' }>,
  { registry, repository, digest }: ImageReference,
): string {
  if (missing === 'repository' || digest !== undefined) return '';
  return ` To see which tags there are: skopeo list-tags docker://${registry}/${repository}`;
}

function adviseCertificate(
  problem: Extract<FailedPull, { outcome: 'certificate' }>['problem'],
  endpoint: string,
): string {
  const { host } = splitDomain(endpoint);
  switch (problem) {
    case 'unknown':
      // What follows the last command is a comment to a shell.
      return `Add the CA on each node that is to pull the image and does not know it, after a look at whether it is the right one; for pullguard itself, add it to the registry in the policy (probe.ca). On EulerOS and CentOS: ${fetchCa(endpoint, `/etc/pki/ca-trust/source/anchors/${fileOf(host)}.crt`)} && update-ca-trust && systemctl restart containerd # or docker. On Ubuntu: ${fetchCa(endpoint, `/usr/local/share/ca-certificates/${fileOf(host)}.crt`)} && update-ca-certificates && systemctl restart containerd # or docker.`;
    case 'expired':
      return `Have those who run ${endpoint} renew its certificate, or put the clock right where it is wrong. The dates of the certificate: openssl s_client -connect ${endpoint} < /dev/null | openssl x509 -noout -dates`;
    case 'wrong-name':
      return `Write the address with a host that the certificate is for, or have those who run the registry put ${host} into it. These are the hosts that it is for: openssl s_client -connect ${endpoint} < /dev/null | openssl x509 -noout -ext subjectAltName`;
  }
}

function fetchCa(endpoint: string, file: string): string {
  return `openssl s_client -showcerts -connect ${endpoint} < /dev/null | sed -ne '/-BEGIN CERTIFICATE-/,/-END CERTIFICATE-/p' > ${file}`;
}

/** An IPv6 address has brackets, which a shell takes for a pattern. */
function fileOf(host: string): string {
  return host.replaceAll(/[^\w.-]/g, '_');
}

function adviseUnreachable(cause: UnreachableCause, endpoint: string): string {
  const { host } = splitDomain(endpoint);
  switch (cause) {
    case 'dns':
      return `Correct the host in the address, or have DNS know it. ${ELSEWHERE} What DNS says of it: nslookup ${host}`;
    case 'refused':
      return `Correct the port in the address, or have the registry started: nobody listens at ${endpoint}, or a firewall refuses. ${ELSEWHERE}`;
    case 'no-route':
      return `No network leads to ${endpoint}. ${OPEN_A_WAY} ${ELSEWHERE}`;
    case 'reset':
      return `The connection to ${endpoint} was closed, by the registry or by a firewall on the way. ${OPEN_A_WAY} ${ELSEWHERE}`;
    case 'timeout':
      return `Nothing came from ${endpoint} in time; a firewall on the way may let nothing through. ${OPEN_A_WAY} ${ELSEWHERE}`;
  }
}

const OPEN_A_WAY =
  'To give nodes a way there, bind a public IP address (EIP) to each that is to pull the image, or a NAT gateway to their network. Or upload the image to SWR and pull it from there.';

/** True in a pod of the cluster and on the machine of a person. */
const ELSEWHERE =
  'Nodes may do better: pullguard asks from where it runs, with the DNS, routes and firewalls of that place, and through no proxy.';

function adviseBroken(answer: Extract<FailedPull, { outcome: 'broken' }>, endpoint: string): string {
  return speaksNoTls(answer)
    ? `Correct the port in the address, or have the registry speak HTTPS. One that is to speak plain HTTP has to be allowed on each node, in the settings of its container engine, and in the policy (probe.plainHttp). Whether it does: curl -v http://${endpoint}/v2/`
    : `Tell those who run it. A registry in working order answers 200 or 401 here: curl -v https://${endpoint}/v2/`;
}
