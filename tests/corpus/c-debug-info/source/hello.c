#include <stdio.h>

static int twice(int number)
{
	return 2 * number;
}

int main(int argc, char **argv)
{
	return printf("%s %d\n", argv[0], twice(argc)) < 0;
}
