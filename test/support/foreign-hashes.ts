/** A hash that another tool has made. */
export interface MadeElsewhere {
  readonly of: string;
  readonly password: string;
  readonly hash: string;
}

const PASSWORD = 'pässword 1';

/**
 * Made once, where not said otherwise by Python 3.11's standard library from PASSWORD and
 * `s = b'sixteen byte salt'`, base64 with the padding taken off:
 *
 *   crypt.crypt(PASSWORD, '$2b$10$N9qo8uLOickgx2ZMRZoMye')          (libxcrypt 4.4)
 *   hashlib.scrypt(PASSWORD.encode(), salt=s, n=2**14, r=8, p=1, dklen=32)
 *   hashlib.pbkdf2_hmac('sha256', PASSWORD.encode(), s, 10000)
 */
export const foreignHashes: readonly MadeElsewhere[] = [
  {
    of: 'bcrypt $2b$',
    password: PASSWORD,
    hash: '$2b$10$N9qo8uLOickgx2ZMRZoMyePq55Kn1/sSVYm0Zf1.tdtUzxQ/2Kj5W',
  },
  {
    of: 'bcrypt $2y$',
    password: PASSWORD,
    hash: '$2y$05$CCCCCCCCCCCCCCCCCCCCC.VtO5t6ILUBAEROZ4c/NK9FZOMgYu9Vu',
  },
  {
    // A vector of Python's bcrypt package: tests/test_bcrypt.py.
    of: "bcrypt, Python's package",
    password: 'Kk4DQuMMfZL9o',
    hash: '$2b$04$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm',
  },
  {
    // node -e "import('@better-auth/utils/password').then(async m =>
    //   console.log(await m.hashPassword('pässword ①')))", better-auth 1.7.24's own.
    of: 'Better Auth',
    password: PASSWORD,
    hash:
      '05486f5fa659798fcbc9e2fa941d2200:e2d8abf30ffb1bc4ab7b2aa356378b39f171e5745c2bdf4c4f7ec52432b2d6dc' +
      '87ec46a1acdfd6dd89b90e7c33adfe12d84877e015743810f2d0033c1c68d933',
  },
  {
    of: 'scrypt, PHC',
    password: PASSWORD,
    hash: '$scrypt$ln=14,r=8,p=1$c2l4dGVlbiBieXRlIHNhbHQ$ohiPLkFhX1Xa74nn5ISpdDy2vgj2tdJktAcX7m6vLDc',
  },
  {
    of: 'PBKDF2-SHA1, PHC',
    password: PASSWORD,
    hash: '$pbkdf2-sha1$i=10000$c2l4dGVlbiBieXRlIHNhbHQ$z2PXjccGUu9pRgB/XEcL7F2xIfE',
  },
  {
    of: 'PBKDF2-SHA256, PHC',
    password: PASSWORD,
    hash: '$pbkdf2-sha256$i=10000,l=32$c2l4dGVlbiBieXRlIHNhbHQ$9AYP0tKNiIcwexloRsbbjkIueUg0gIQKFyIkKWniPgM',
  },
  {
    of: 'PBKDF2-SHA512, PHC',
    password: PASSWORD,
    hash:
      '$pbkdf2-sha512$i=10000$c2l4dGVlbiBieXRlIHNhbHQ$sdHyMcgembU0Bspcb5bwhsI65QCpNN1Nl3t+6Yxc' +
      'Vy5acnOYKQhCqeA7Mv3576m5HK+vkO0bwXlO0/PWrXnSLg',
  },
  {
    of: 'PBKDF2, passlib',
    password: PASSWORD,
    hash: '$pbkdf2-sha256$29000$c2l4dGVlbiBieXRlIHNhbHQ$RE.8/w67181rlsaaSlyMT7fGd/AjV5rQgffOf.HJyS4',
  },
  {
    // passlib's documentation, "Format & Algorithm" of pbkdf2_{digest}.
    of: "PBKDF2, passlib's documentation",
    password: 'password',
    hash: '$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44',
  },
  {
    // The salt is the text sMVKrEUmbyKsqVDZgFGhCH.
    of: 'PBKDF2, Django',
    password: PASSWORD,
    hash: 'pbkdf2_sha256$26000$sMVKrEUmbyKsqVDZgFGhCH$j+e/ouJ2hNI8IgL7iCn7Vf+DxhmrpstpAhj9tRFvjdQ=',
  },
  {
    of: 'PBKDF2-SHA1, Django',
    password: PASSWORD,
    hash: 'pbkdf2_sha1$20000$sMVKrEUmbyKs$lTz4LqQxNAhIgpFDUu+HCz7atVw=',
  },
];
