// A todo service with Express that trusts Keyturn by URL alone.
//
//   npm install express express-oauth2-jwt-bearer
//   ISSUER_URL=http://localhost:3000 PORT=8000 node server.js
import express from 'express';
import { auth, UnauthorizedError } from 'express-oauth2-jwt-bearer';

// As tokens name it: an origin, without the slash that is easily put behind one.
const issuer = new URL(process.env.ISSUER_URL ?? 'http://localhost:3000').origin;
const jwksUri = process.env.JWKS_URI ?? `${issuer}/.well-known/jwks.json`;
const app = express();
const todos = new Map();

app.use(
  auth({
    issuer,
    jwksUri,
    audience: process.env.AUDIENCE ?? issuer,
    // `strict` holds a token to RFC 9068: typ at+jwt, and the claims that an access token has.
    strict: true,
    tokenSigningAlg: 'RS256',
  }),
);
app.use(express.json());

/** The caller's own todos; another's are forbidden before anything is looked up. */
function own(request, response, next) {
  const { sub } = request.auth.payload;
  if (request.params.userId !== 'me' && request.params.userId !== sub) {
    return response.status(403).json({ code: 'cross_user_access' });
  }
  if (!todos.has(sub)) todos.set(sub, []);
  request.todos = todos.get(sub);
  next();
}

app
  .route('/api/users/:userId/todos')
  .all(own)
  .get((request, response) => {
    response.json({ todos: request.todos.toReversed() });
  })
  .post((request, response) => {
    const { title } = request.body ?? {};
    if (typeof title !== 'string' || title === '') return response.sendStatus(400);
    const todo = { id: crypto.randomUUID(), title, completed: false };
    request.todos.push(todo);
    response.status(201).json(todo);
  });

/** Whether the issuer's keys can be had; asks once a second at most. */
let asked = { at: Number.NEGATIVE_INFINITY, answer: Promise.resolve(true) };
function keysCanBeHad() {
  const now = performance.now();
  if (now - asked.at >= 1000) {
    const answer = fetch(jwksUri, { signal: AbortSignal.timeout(2000) })
      .then((response) => response.json())
      .then(({ keys }) => keys.length > 0)
      .catch(() => false);
    asked = { at: now, answer };
  }
  return asked.answer;
}

app.use(async (error, _request, response, next) => {
  if (!(error instanceof UnauthorizedError)) return next(error);
  // The library calls a token invalid as well that it had no keys to look at with; whoever sent it
  // would log out, where coming back later is all that it takes.
  if (error.code === 'invalid_token' && !(await keysCanBeHad())) {
    const detail = "The issuer's keys cannot be had just now.";
    return response.status(503).set('Retry-After', '5').json({ error: 'unavailable', detail });
  }
  response
    .status(error.status)
    .set(error.headers)
    .json({ error: error.code, detail: error.message });
});

const server = app.listen(Number(process.env.PORT ?? 8000), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
