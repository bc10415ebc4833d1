"""The component as a Pulumi package."""
