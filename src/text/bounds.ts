/**
 * The most that is read of each list and text that somebody else writes, all in one place. An API server bounds bytes: 3 MiB of
 * a request, 1.5 MiB of an object in etcd, 1 MiB of a Secret, 256 KiB of all annotations. What is made of an entry, and how often a
 * list is gone through, only we can bound. What is beyond a bound is counted and said, never left out without a word.
 *
 * A bound is some times what the largest object of 12,207 from real repositories needs, and small enough that an object at all of
 * its bounds is judged in a tenth of a second.
 */

/** Names of pull secrets that a pod or a service account lists. People name one or two; kubelet reads each from the API server. */
export const MOST_PULL_SECRETS = 50;

/** Distinct images of a pod that are looked up in pull secrets, at registries and on nodes. The address of every image is read. */
export const MOST_LOOKED_UP = 100;

/** Findings of one rule in one object: ten are shown in a denial, twenty in a log line. The rest are counted. */
export const MOST_FINDINGS = 100;

/**
 * Characters of an image's address. The longest that can be pulled has 777: a host of 253 and a port, a path of 255, a tag of 128,
 * a digest of 135. Longer ones are said to be too long, and nothing else is looked for in them.
 */
export const LONGEST_IMAGE = 4096;

/** Requirements that a pod has of its nodes, values in them, and tolerations: each costs a look at every node. */
export const MOST_REQUIREMENTS = 50;
export const MOST_VALUES = 500;

/** Characters of the annotation `pullguard.dev/skip`: the ids of all rules, three times over. */
export const LONGEST_SKIP = 1024;

/** Milliseconds that deciding a review may take, looked at between rules and every hundred images. API servers wait for 3 s. */
export const TIME_BUDGET_MS = 100;
