/**
 * Keeps Node.js from loading what is behind `fetch`: 14 MiB, and 30 ms of a start. A module that
 * imports `node:http` gets all of its exports read, and to read this one loads it; nothing here
 * opens a WebSocket. To be called before the first such import. `fetch` itself stays.
 */
export function withoutFetch(): void {
  const http = process.getBuiltinModule('node:http');
  for (const name of ['WebSocket', 'CloseEvent', 'MessageEvent']) {
    Reflect.deleteProperty(http, name);
  }
}
