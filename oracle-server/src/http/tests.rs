//! Laws of the HTTP room, through the routers and over sockets.
