import { RehearseError } from '../errors/errors.ts';

/** Why there are no credentials for a request. `passing`: the same may succeed a little later, as the network may be back or somebody logs in. */
export class CredentialsError extends RehearseError {
  readonly passing: boolean;
  constructor(message: string, options: { hint: string; passing: boolean; cause?: unknown }) {
    super(message, options);
    this.name = 'CredentialsError';
    this.passing = options.passing;
  }
}
