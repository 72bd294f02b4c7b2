#include <stdio.h>

int main(void)
{
	puts("compiled on " __DATE__ " at " __TIME__);
	return 0;
}
