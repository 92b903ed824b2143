/** `$((…))`: integers, variables, parentheses, comparison and logic, by precedence climbing. @throws Error for anything else. */
export function arithmetic(text: string, variable: (name: string) => string | undefined): number {
  const tokens = text.match(/\d+|[A-Za-z_]\w*|\|\||&&|[<>=!]=|\*\*|[-+*/%()<>!]/g) ?? [];
  if (tokens.join('') !== text.replaceAll(/\s/g, '')) throw new Error('arithmetic syntax error');
  const levels: string[][] = [['||'], ['&&'], ['==', '!='], ['<', '>', '<=', '>='], ['+', '-'], ['*', '/', '%']];
  let at = 0;
  const primary = (): number => {
    const token = tokens[at++];
    if (token === '(') {
      const value = level(0);
      if (tokens[at++] !== ')') throw new Error('arithmetic syntax error');
      return value;
    }
    if (token === '-') return -primary();
    if (token === '+') return primary();
    if (token === '!') return primary() === 0 ? 1 : 0;
    if (token === undefined || /^\W/.test(token)) throw new Error('arithmetic syntax error');
    return /^\d/.test(token) ? Number(token) : Number.parseInt(variable(token) ?? '0', 10) || 0;
  };
  const apply = (operator: string, a: number, b: number): number => {
    if ((operator === '/' || operator === '%') && b === 0) throw new Error('divide by zero');
    const truth = (value: boolean) => (value ? 1 : 0);
    switch (operator) {
      case '||':
        return truth(a !== 0 || b !== 0);
      case '&&':
        return truth(a !== 0 && b !== 0);
      case '==':
        return truth(a === b);
      case '!=':
        return truth(a !== b);
      case '<':
        return truth(a < b);
      case '>':
        return truth(a > b);
      case '<=':
        return truth(a <= b);
      case '>=':
        return truth(a >= b);
      case '+':
        return a + b;
      case '-':
        return a - b;
      case '*':
        return a * b;
      case '/':
        return Math.trunc(a / b);
      default:
        return a % b;
    }
  };
  const level = (depth: number): number => {
    const operators = levels[depth];
    if (!operators) return primary();
    let value = level(depth + 1);
    for (let token = tokens[at]; token !== undefined && operators.includes(token); token = tokens[at]) {
      at++;
      value = apply(token, value, level(depth + 1));
    }
    return value;
  };
  const value = tokens.length === 0 ? 0 : level(0);
  if (at < tokens.length) throw new Error('arithmetic syntax error');
  return value;
}
