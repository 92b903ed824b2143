/** Where a command reads and writes. Text in, text out: the programs have no terminals and no binary data. */
export interface Io {
  /** What is left to read; shared by all commands that read from the same place. */
  stdin: { text: string };
  stdout: (text: string) => void;
  stderr: (text: string) => void;
}

export const processIo: Io = {
  stdin: { text: '' },
  stdout: text => void process.stdout.write(text),
  stderr: text => void process.stderr.write(text),
};

/** An applet: resolves with its exit code. `env` is the environment it runs in. */
export type Applet = (args: readonly string[], io: Io, env: Record<string, string>) => Promise<number> | number;

/** Turns a file error into the text after the colon: `No such file or directory`. */
export function errorText(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return 'No such file or directory';
    case 'EACCES':
    case 'ERR_ACCESS_DENIED':
      return 'Permission denied';
    case 'EISDIR':
      return 'Is a directory';
    case 'ENOTDIR':
      return 'Not a directory';
    case 'EROFS':
      return 'Read-only file system';
    case 'EEXIST':
      return 'File exists';
    case 'ECONNREFUSED':
      return 'Connection refused';
    default:
      return (error as Error).message;
  }
}
