/** Whether `KEYTURN_TEST_LONG=1` asks for a thorough look. */
export const LONG = process.env.KEYTURN_TEST_LONG === '1';
