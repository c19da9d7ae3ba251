/**
 * Loaded into a server by `--import`: profiles its CPU between the messages `start` and `stop`, and answers `stop` with the
 * profile.
 */
import { Session } from 'node:inspector/promises';

const INTERVAL_US = 200;

const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.setSamplingInterval', { interval: INTERVAL_US });

process.on('message', (message) => {
  void answer(message === 'start' ? 'Profiler.start' : 'Profiler.stop');
});

async function answer(method: 'Profiler.start' | 'Profiler.stop'): Promise<void> {
  process.send?.(await session.post(method as 'Profiler.stop'));
}
