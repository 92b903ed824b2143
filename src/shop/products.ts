export interface Product {
  id: string;
  name: string;
  cents: number;
}

export const PRODUCTS: readonly Product[] = [
  { id: 'kettle', name: 'Kettle', cents: 3490 },
  { id: 'teapot', name: 'Teapot', cents: 2750 },
  { id: 'cups', name: 'Cups, set of four', cents: 1980 },
  { id: 'tea', name: 'Darjeeling, 250 g', cents: 1290 },
];
