const long built = BUILT;
const int bytes[] = {1, 2, 3};
