"""A todo service in Python that trusts Keyturn by URL alone.

    pip install 'pyjwt[crypto]>=2.6' fastapi uvicorn
    ISSUER_URL=http://localhost:3000 uvicorn main:app --port 8000

On Debian: apt install python3-jwt python3-cryptography python3-fastapi uvicorn.
"""

import os
import uuid
from datetime import datetime, timezone
from typing import Dict, Optional

import jwt
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from pydantic import BaseModel, Field

# As tokens name it: an origin, without the slash that is easily put behind one.
ISSUER = os.environ.get("ISSUER_URL", "http://localhost:3000").rstrip("/")
AUDIENCE = os.environ.get("AUDIENCE", ISSUER)
JWKS_URI = os.environ.get("JWKS_URI", ISSUER + "/.well-known/jwks.json")

# Keeps the keys for five minutes (before PyJWT 2.5: for ever) and asks again for a kid that it does
# not know: for each such token, so limit what strangers may send where that matters.
keys = jwt.PyJWKClient(JWKS_URI)

app = FastAPI()
todos: Dict[str, Dict[str, dict]] = {}


def unauthorized(description: str) -> HTTPException:
    challenge = f'Bearer error="invalid_token", error_description="{description}"'
    return HTTPException(401, description, {"WWW-Authenticate": challenge})


def claims(request: Request) -> dict:
    """The claims of the bearer token, or 401."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise HTTPException(401, "A bearer token is required", {"WWW-Authenticate": "Bearer"})
    try:
        # An access token, and no other that the issuer may have signed (RFC 9068 section 4).
        typ = str(jwt.get_unverified_header(token).get("typ")).lower()
        if typ not in ("at+jwt", "application/at+jwt"):
            raise unauthorized("Not an access token")
        return jwt.decode(
            token,
            keys.get_signing_key_from_jwt(token).key,
            algorithms=["RS256"],  # never what the token would like
            issuer=ISSUER,
            audience=AUDIENCE,
            leeway=0,
            options={"require": ["exp", "iat", "iss", "aud", "sub", "jti", "client_id"]},
        )
    except jwt.PyJWKClientError as error:
        # Only how the message begins is PyJWT's own: what follows may be the kid of a stranger.
        if str(error).startswith("Fail to fetch"):
            raise HTTPException(503, "The issuer's keys cannot be had", {"Retry-After": "5"})
        raise unauthorized("Signed by nobody who is trusted here")
    except (jwt.PyJWTError, RecursionError):  # a header may nest as deep as its sender likes
        raise unauthorized("The token is not valid here")


def owned(user_id: str, who: dict = Depends(claims)) -> Dict[str, dict]:
    """The caller's own todos; another's are forbidden before anything is looked up."""
    if user_id not in ("me", who["sub"]):
        raise HTTPException(403, "Another user's todos are none of yours")
    return todos.setdefault(who["sub"], {})


class NewTodo(BaseModel):
    title: str = Field(min_length=1, max_length=200)
    description: Optional[str] = Field(default=None, max_length=2000)


@app.get("/api/users/{user_id}/todos")
def list_todos(own: Dict[str, dict] = Depends(owned)) -> dict:
    return {"todos": list(reversed(list(own.values())))}


@app.post("/api/users/{user_id}/todos", status_code=201)
def create_todo(todo: NewTodo, own: Dict[str, dict] = Depends(owned)) -> dict:
    now = datetime.now(timezone.utc).isoformat()
    made = {
        "id": str(uuid.uuid4()),
        "title": todo.title,
        "description": todo.description,
        "completed": False,
        "created_at": now,
        "updated_at": now,
    }
    own[made["id"]] = made
    return made


@app.get("/api/users/{user_id}/todos/{todo_id}")
def read_todo(todo_id: str, own: Dict[str, dict] = Depends(owned)) -> dict:
    if todo_id not in own:
        raise HTTPException(404, "You have no todo with this id")
    return own[todo_id]


@app.delete("/api/users/{user_id}/todos/{todo_id}", status_code=204)
def delete_todo(todo_id: str, own: Dict[str, dict] = Depends(owned)) -> Response:
    if own.pop(todo_id, None) is None:
        raise HTTPException(404, "You have no todo with this id")
    return Response(status_code=204)
