/* Connects to the network: 0 if that goes through, 1 if it is denied. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0)
        return 1;
    /* Outside, nobody listens there, which is an answer of the network. */
    return connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 && errno != ECONNREFUSED;
}
