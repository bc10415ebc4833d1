"""Two group chats side by side: one for customers, one for staff. They share nothing but the account."""

import pulumi

from websocket_chat import WebSocketChat

# Each needs a name of its own in the stack, and a prefix of its own for the names in AWS.
customers = WebSocketChat(
    "customers",
    {"name_prefix": "Customers", "messages_table": "CustomersMessages", "create_messages_table": True},
)
staff = WebSocketChat(
    "staff",
    {"name_prefix": "Staff", "messages_table": "StaffMessages", "create_messages_table": True, "message_rate": 50},
)

pulumi.export("CustomersURL", customers.web_socket_url)
pulumi.export("StaffURL", staff.web_socket_url)
