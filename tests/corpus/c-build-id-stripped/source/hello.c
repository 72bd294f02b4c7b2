#include <stdio.h>

int main(void)
{
	return puts("semper eadem") < 0;
}
