import { readRecorded, reviewFaqDeployment, reviewPodOf, type Review } from './reviews.ts';

/** A request as a user makes it. `name` is its key in expected-answers.yaml. */
export type Scenario = Readonly<{
  name: string;
  review: Review;
  command: string;
  /** The file that the command names, for the text of a denial. */
  file?: string;
  /** What kubectl prints when the API server has taken the object; nothing for `kubectl debug`. */
  done: string;
  /** A remark on the command. */
  note?: string;
  /** The pod that a controller makes of it. Its warnings go to the controller, nobody sees them. */
  pod?: Readonly<{ name: string; review: Review; maker: string }>;
}>;

export type Chapter = Readonly<{ title: string; scenarios: readonly Scenario[] }>;

const faq = reviewFaqDeployment();
const job = readRecorded('job-create-generate-name');

export const CHAPTERS: readonly Chapter[] = [
  {
    title: "The FAQ's own Deployment: its nginx comes from Docker Hub, which many clusters cannot reach",
    scenarios: [
      {
        name: 'faq-deployment',
        review: faq,
        command: 'kubectl apply -f faq-deployment.yaml',
        note: 'the FAQ says extensions/v1beta1; sent as apps/v1, which took its place',
        done: 'deployment.apps/nginx created',
        pod: { name: 'faq-pod', review: reviewPodOf(faq), maker: 'ReplicaSet' },
      },
    ],
  },
  {
    title: 'Fixed in the pod: the pull secret that was forgotten, the image that has a mirror',
    scenarios: [
      {
        name: 'job-create-generate-name',
        review: job,
        command: 'kubectl create -f job.yaml',
        done: 'job.batch/job-ct8tl created',
        pod: { name: 'job-pod', review: reviewPodOf(job), maker: 'Job' },
      },
      {
        name: 'pod-create-sa-pull-secret',
        review: readRecorded('pod-create-sa-pull-secret'),
        command: 'kubectl apply -f pod.yaml',
        note: "its service account's own secret, third, stays",
        done: 'pod/sapod created',
      },
    ],
  },
  {
    title: 'Templates are never changed: their author is told what the pods will get',
    scenarios: [
      {
        name: 'cronjob-create',
        review: readRecorded('cronjob-create'),
        command: 'kubectl apply -f cronjob.yaml',
        done: 'cronjob.batch/cj created',
      },
      {
        name: 'podtemplate-create-digest',
        review: readRecorded('podtemplate-create-digest'),
        command: 'kubectl apply -f podtemplate.yaml',
        done: 'podtemplate/pt created',
      },
      {
        name: 'deployment-create-dry-run',
        review: readRecorded('deployment-create-dry-run'),
        command: 'kubectl apply -f deployment.yaml --dry-run=server',
        done: 'deployment.apps/dr created (server dry run)',
      },
    ],
  },
  {
    title: 'Denied: no runtime can pull these, so better now than as ImagePullBackOff',
    scenarios: [
      {
        name: 'statefulset-create-uppercase-image',
        review: readRecorded('statefulset-create-uppercase-image'),
        command: 'kubectl apply -f statefulset.yaml',
        file: 'statefulset.yaml',
        done: 'statefulset.apps/sts created',
      },
      {
        name: 'pod-create-scheme-in-image',
        review: readRecorded('pod-create-scheme-in-image'),
        command: 'kubectl apply -f weird.yaml',
        file: 'weird.yaml',
        done: 'pod/weird created',
      },
    ],
  },
  {
    title: 'Told only: a running pod cannot be fixed',
    scenarios: [
      {
        name: 'pod-update-ephemeralcontainers',
        review: readRecorded('pod-update-ephemeralcontainers'),
        command: 'kubectl debug sapod --image=busybox:1.36 --container=dbg',
        done: '',
      },
    ],
  },
];

/** Requests of which users never notice that pullguard saw them, by their names. */
export const UNTOUCHED: Readonly<Record<string, string>> = {
  'deployment-create': 'create a Deployment: image on SWR, its pull secret named',
  'replicaset-create-owned': 'its ReplicaSet: the Deployment was judged',
  'pod-create-from-replicaset': "the ReplicaSet's pod: nothing is left to fix",
  'deployment-update-image': 'change the image to another tag',
  'deployment-scale': 'scale it',
  'deployment-update-status': 'report its status',
  'daemonset-create': 'create a DaemonSet: image on quay.io',
  'replicationcontroller-create-ip-port': 'create a ReplicationController: image on 100.125.7.25:20202',
  'pod-update-label-only': 'label a pod whose image is from Docker Hub: it runs already',
  'pod-update-image': 'change another image of that pod',
  'pod-delete': 'delete a pod whose image address is wrong',
  'cronjob-delete': 'delete a CronJob',
};
