import { hash, verify } from '@node-rs/argon2';

const ARGON2ID = 2;

/** The cost that the bench gives to Keyturn as well, as `memory,time,parallelism`. */
const [memoryCost, timeCost, parallelism] = (process.env.ARGON2 ?? '').split(',').map(Number);

/** @param {string} password */
export const hashPassword = (password) =>
  hash(password, { algorithm: ARGON2ID, memoryCost, timeCost, parallelism, outputLen: 32 });

/**
 * @param {string} password
 * @param {string} phc the stored hash, which names its own cost
 */
export const verifyPassword = (password, phc) => verify(phc, password);
