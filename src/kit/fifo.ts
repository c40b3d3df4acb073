/** A place in a queue, by which its value can leave before its turn. */
export interface Place<T> {
  readonly value: T;
  older: Place<T> | undefined;
  newer: Place<T> | undefined;
  queued: boolean;
}

/** First in, first out, and out of the middle too: every operation takes the same short time. */
export interface Fifo<T> {
  size(): number;
  add(value: T): Place<T>;
  /** The place that has waited longest; undefined when the queue is empty. */
  first(): Place<T> | undefined;
  /** Takes a place out; false when it had left already. */
  remove(place: Place<T>): boolean;
}

/** Makes an empty queue: a doubly linked list, since V8 walks over the gaps of a Set. */
export function createFifo<T>(): Fifo<T> {
  let oldest: Place<T> | undefined;
  let newest: Place<T> | undefined;
  let size = 0;
  return {
    size: () => size,
    add(value) {
      const place: Place<T> = { value, older: newest, newer: undefined, queued: true };
      if (newest) newest.newer = place;
      else oldest = place;
      newest = place;
      size += 1;
      return place;
    },
    first: () => oldest,
    remove(place) {
      if (!place.queued) return false;
      if (place.older) place.older.newer = place.newer;
      else oldest = place.newer;
      if (place.newer) place.newer.older = place.older;
      else newest = place.older;
      // A place that has left holds on to nothing, however long its owner keeps it.
      place.older = undefined;
      place.newer = undefined;
      place.queued = false;
      size -= 1;
      return true;
    },
  };
}
