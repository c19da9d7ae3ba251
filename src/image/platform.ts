/** The fields of a platform in an index, of any type. */
export type WrittenPlatform = Readonly<{ os?: unknown; architecture?: unknown; variant?: unknown }>;

/**
 * A platform as containerd compares it (`platforms.Normalize`): `linux/amd64`, `linux/arm64` also for variant v8, `linux/arm/v7`
 * also for arm without a variant. Undefined if it is not a platform, or cannot be printed.
 */
export function readPlatform({ os, architecture, variant = '' }: WrittenPlatform): string | undefined {
  if (!isPart(os) || !isPart(architecture) || (variant !== '' && !isPart(variant))) return undefined;
  const machine = normalizeMachine(architecture.toLowerCase(), variant.toLowerCase());
  return `${os.toLowerCase()}/${machine}`;
}

/** The same for a platform as users and nodes write it, `linux/arm64/v8`. */
export function parsePlatform(text: string): string | undefined {
  const [os, architecture, variant, ...more] = text.split('/');
  return more.length > 0 ? undefined : readPlatform({ os, architecture, variant });
}

/**
 * Platforms whose images a machine can run, the best first (containerd's `platforms.Only`): older variants work, newer ones do
 * not, and amd64 runs 386. Empty if the text is not a platform.
 *
 * @param machine as users, nodes and indexes write it
 */
export function listRunnable(machine: string): readonly string[] {
  const [os = '', architecture = '', variant = ''] = parsePlatform(machine)?.split('/') ?? [];
  return architecture === '' ? [] : listMachines(architecture, variant).map((each) => `${os}/${each}`);
}

/** Letters, digits and a few signs, as in containerd; no real name is longer. */
function isPart(text: unknown): text is string {
  return typeof text === 'string' && /^[\w.-]{1,32}$/.test(text);
}

function normalizeMachine(architecture: string, variant: string): string {
  const [name, fixedVariant] = ALIASES.get(architecture) ?? [architecture];
  const version = fixedVariant ?? (/^[0-9]/.test(variant) ? `v${variant}` : variant);
  return joinMachine(name, name === 'arm' && version === '' ? 'v7' : IMPLIED.get(name) === version ? '' : version);
}

/** Other names of architectures, some with a variant. */
const ALIASES: ReadonlyMap<string, readonly [name: string, variant?: string]> = new Map([
  ['i386', ['386', '']],
  ['x86_64', ['amd64']],
  ['x86-64', ['amd64']],
  ['aarch64', ['arm64']],
  ['armhf', ['arm', 'v7']],
  ['armel', ['arm', 'v6']],
]);

/** The default variant. */
const IMPLIED: ReadonlyMap<string, string> = new Map([
  ['amd64', 'v1'],
  ['arm64', 'v8'],
]);

function listMachines(architecture: string, variant: string): readonly string[] {
  switch (architecture) {
    case 'amd64':
      return [...countDown('amd64', variant, 2), 'amd64', '386'];
    case 'arm64':
      return [...(variant === '' ? [] : [`arm64/${variant}`]), 'arm64', ...countDown('arm', 'v8', 5)];
    case 'arm':
      return countDown('arm', variant, 5);
    default:
      return [joinMachine(architecture, variant)];
  }
}

/** `arm`, `v7`, 5 → `arm/v7`, `arm/v6`, `arm/v5`. A variant that is not a number is kept as it is. */
function countDown(architecture: string, variant: string, lowest: number): readonly string[] {
  const highest = /^v([0-9]{1,2})$/.exec(variant)?.[1];
  if (highest === undefined) return variant === '' ? [] : [`${architecture}/${variant}`];
  const count = Math.max(Number(highest) - lowest + 1, 1);
  return Array.from({ length: count }, (_, index) => `${architecture}/v${Number(highest) - index}`);
}

function joinMachine(architecture: string, variant: string): string {
  return variant === '' ? architecture : `${architecture}/${variant}`;
}
