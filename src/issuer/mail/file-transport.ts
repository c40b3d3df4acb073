import { mkdir, open, rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DeliveryFailure, type MailTransport, type OutgoingMail } from './transport.ts';

/** Writes each mail to a file `*.eml` (0600) of a directory that it makes (0700). */
export function fileTransport(directory: string): MailTransport {
  return {
    open: async () => ({
      async send(mail) {
        try {
          return { file: await writeMail(resolve(directory), mail) };
        } catch (error) {
          const { code } = error as NodeJS.ErrnoException;
          throw new DeliveryFailure('away', `${directory} cannot be written (${code})`);
        }
      },
      close() {},
    }),
  };
}

/** Whole or not at all, and the same file when it is written twice. */
async function writeMail(directory: string, { mail, message }: OutgoingMail): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const name = fileName(mail);
  const path = join(directory, name);
  // Hidden, so that who lists the directory sees whole mails alone.
  const draft = join(directory, `.${name}.${process.pid}`);
  const file = await open(draft, 'w', 0o600);
  try {
    await file.writeFile(message);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  return path;
}

/** Sorts by time; `20260101T000000Z-verify-email-<id>.eml`. */
function fileName({ id, kind, createdAt }: OutgoingMail['mail']): string {
  const time = createdAt.toISOString().replace(/[-:]|\.\d+/g, '');
  return `${time}-${kind.replaceAll('_', '-')}-${id}.eml`;
}
