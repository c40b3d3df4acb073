import { AggregatorRegistry } from 'prom-client';
import type { Exposition, Snapshot } from '../metrics.ts';

/** Adds up what several processes count, each metric in the way that it asks for. */
export async function aggregate(snapshots: readonly Snapshot[]): Promise<Exposition> {
  // Snapshots are copied: adding up keeps label objects of the first.
  const registry = AggregatorRegistry.aggregate([...snapshots]);
  return { contentType: registry.contentType, text: await registry.metrics() };
}

/** The same as one snapshot. */
export const addUp = (snapshots: readonly Snapshot[]): Promise<Snapshot> =>
  AggregatorRegistry.aggregate([...snapshots]).getMetricsAsJSON();

/** What of a process that has ended still counts: its counts, so that the sums never go back. */
export const lasting = (snapshot: Snapshot): Snapshot =>
  snapshot.filter(({ type }) => `${type}` === 'counter' || `${type}` === 'histogram');
