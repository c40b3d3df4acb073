// The todo app: logs in by Keyturn's client, keeps todos at the resource server.
import { createKeyturn, type User } from '../../client/keyturn.ts';
import { createRequest, explain } from './requests.ts';
import type { News } from './state.ts';
import { createTodos } from './todos.ts';
import { createView } from './view.ts';

const keyturn = createKeyturn({
  issuer: document.documentElement.dataset.issuer ?? location.origin,
  onSignedOut: (reason) => keyturn.goToLogin(reason),
});

let channel: BroadcastChannel | undefined;
const tell = (news: News) => channel?.postMessage(news);
function begin() {
  // What is still under way for somebody else is not shown any more, nor told.
  const toMine =
    <Told extends unknown[]>(say: (...told: Told) => void) =>
    (...told: Told): void => {
      if (mine === todos) say(...told);
    };
  const mine = createTodos({
    request: createRequest(keyturn),
    show: toMine(view.show),
    apologise: toMine(view.apologise),
    reopen: toMine(view.reopen),
    giveBack: toMine(view.giveBack),
    tell: toMine(tell),
  });
  return mine;
}

/** How long what was asked for is waited for before logging out, in milliseconds. */
const LAST_WORDS = 5_000;

const view = createView({
  add: (title) => todos.add(title),
  tick: (key, completed) => todos.tick(key, completed),
  rename: (key, from, title) => todos.rename(key, from, title),
  remove: (key) => todos.remove(key),
  restore: () => todos.restore(),
  settle: () => todos.settle(),
  choose: (filter) => todos.choose(filter),
  load: () => void todos.load(),
  async logout() {
    // What was deleted stays deleted: once nobody is logged in, nothing can be sent any more. A
    // connection that says nothing keeps nobody logged in.
    await Promise.race([todos.finish(), new Promise((go) => setTimeout(go, LAST_WORDS))]);
    await keyturn.logout().catch((error) => {
      view.apologise(`You are still logged in: logging out ${explain(error)}`);
    });
  },
});
let todos = begin();
let whose: string | undefined;

function openChannel(name: string): BroadcastChannel | undefined {
  try {
    const opened = new BroadcastChannel(name);
    opened.onmessage = ({ data }) => todos.hear(data);
    return opened;
  } catch {
    // As in the client: other tabs see what has changed when they are next loaded.
    return undefined;
  }
}

/** Somebody is signed in, or somebody else than before, whose todos these are not. */
function welcome(user: User | null): void {
  view.showUser(user);
  if (user === null || user.id === whose) return;
  // What was typed before anybody was known is theirs: it has waited for their token.
  if (whose !== undefined) todos = begin();
  whose = user.id;
  channel?.close();
  channel = openChannel(`todos:${user.id}`);
  void todos.load();
}

keyturn.onChange(welcome);
keyturn.getAccessToken().catch(({ status }) => {
  if (status !== 401) view.apologise('Keyturn does not answer. Trying again…');
});
// What was deleted stays deleted when the page goes.
addEventListener('pagehide', () => todos.settle());
