import type { TestProject } from 'vitest/node';
import { startControlPlane, type ControlPlane } from './control-plane.ts';

declare module 'vitest' {
  interface ProvidedContext {
    controlPlane: ControlPlane;
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const { controlPlane, stop } = await startControlPlane(process.env['KUBEBUILDER_ASSETS'] ?? '');
  const controllers = controlPlane.hasControllers ? 'with controllers' : 'no kube-controller-manager';
  console.log(`Kubernetes 1.${controlPlane.minor} at ${controlPlane.url}, ${controllers}`);
  project.provide('controlPlane', controlPlane);
  return stop;
}
