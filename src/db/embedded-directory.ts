import { stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The embedded database's directory, in `DATA_DIR`. */
export const DIRECTORY = 'pglite';

/** Whether there is an embedded database under `dataDir`. */
export const hasEmbedded = (dataDir: string): Promise<boolean> => exists(join(dataDir, DIRECTORY));

/** Whether there is something at a path. @throws what `stat` does but for that */
export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
