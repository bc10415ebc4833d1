"""The chat's own domain: its name in API Gateway, its mapping to the stage, and its record in Route 53.

API Gateway serves WebSocket APIs at such a domain with TLS 1.2 and a Regional endpoint only. HTTP and REST APIs need
another domain.
https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-custom-domain-names.html
"""

import pulumi
import pulumi_aws as aws

from .arguments import InvalidArgumentError
from .arguments.table import ARGUMENTS
from .part import Part


class CustomDomain(Part):
    """The domain and what leads to it, if the settings name one."""

    def checked_certificate(self) -> pulumi.Input[str]:
        """Refuse a certificate or a hosted zone that does not fit. Nothing may be registered before.

        A certificate that is an Output is checked when it is known. A zone is looked up if it and the domain are plain
        texts: the same update may create the zone of an Output. In another zone, the provider would add the zone's name
        to the record's without a word.
        https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/route53/record.go

        Returns:
            The certificate. Empty without a domain.

        Raises:
            InvalidArgumentError: The certificate is in another region, or the zone is not a public one that contains
                the domain.
        """
        settings = self.settings
        if not settings.domain_name:
            return ""
        if isinstance(settings.hosted_zone_id, str) and isinstance(settings.domain_name, str):
            self._check_zone(settings.hosted_zone_id, settings.domain_name)
        region = aws.get_region(opts=pulumi.InvokeOptions(parent=self.children.component)).region

        def check(arn: str) -> str:
            if arn.split(":")[3] != region:
                allowed = f"{ARGUMENTS['certificate_arn'].rule.allowed}, in the chat's region, which is {region}"
                raise InvalidArgumentError("certificate_arn", arn, allowed)
            return arn

        certificate = settings.certificate_arn
        if isinstance(certificate, str):
            return check(certificate)
        output: pulumi.Output[str] = pulumi.Output.from_input(certificate)
        return output.apply(check)

    def _check_zone(self, zone_id: str, domain: str) -> None:
        if not zone_id:
            return
        allowed = f"the id of a public hosted zone that contains {domain}"
        try:
            zone = aws.route53.get_zone(zone_id=zone_id, opts=pulumi.InvokeOptions(parent=self.children.component))
        except Exception as error:  # Pulumi raises no narrower one.
            reason = f"{allowed}. Pulumi could not look it up: {error}"
            raise InvalidArgumentError("hosted_zone_id", zone_id, reason) from error
        if zone.private_zone or not f".{domain}".endswith(f".{zone.name}"):
            kind = "private" if zone.private_zone else "public"
            raise InvalidArgumentError("hosted_zone_id", zone_id, f"{allowed}. This is the {kind} zone {zone.name}")

    def domain(self, certificate: pulumi.Input[str]) -> aws.apigatewayv2.DomainName | None:
        """Make the domain's name in API Gateway, if there is one.

        Args:
            certificate: See :meth:`checked_certificate`.
        """
        if not self.settings.domain_name:
            return None
        args = aws.apigatewayv2.DomainNameArgs(
            domain_name=self.settings.domain_name,
            domain_name_configuration=aws.apigatewayv2.DomainNameDomainNameConfigurationArgs(
                certificate_arn=certificate, endpoint_type="REGIONAL", security_policy="TLS_1_2"
            ),
            tags=self.settings.tags,
        )
        # A record at another DNS provider points to what AWS has made up for it.
        opts = pulumi.ResourceOptions(protect=self.protected)
        return self.children.make(aws.apigatewayv2.DomainName, "custom_domain", "domain", args, opts)

    def mapping(
        self, domain: aws.apigatewayv2.DomainName | None, api: aws.apigatewayv2.Api, stage_name: pulumi.Input[str]
    ) -> aws.apigatewayv2.ApiMapping | None:
        """Map the domain to the stage. There is no key, so the URL has no path.

        AWS refuses to delete a stage that is mapped. If the stage is renamed, Pulumi creates the new one, changes the
        mapping in place, and deletes the old one at the end.
        https://github.com/hashicorp/terraform-provider-aws/issues/41651

        Args:
            domain: The domain. None: there is no mapping.
            api: The API.
            stage_name: Name of the stage, as an output of it.
        """
        if not domain:
            return None
        args = aws.apigatewayv2.ApiMappingArgs(api_id=api.id, domain_name=domain.domain_name, stage=stage_name)
        opts = pulumi.ResourceOptions(protect=False)
        fixed = {"api_mapping_key": None}
        return self.children.make(
            aws.apigatewayv2.ApiMapping, "domain_mapping", "domain-mapping", args, opts, fixed=fixed
        )

    def record(
        self, domain: aws.apigatewayv2.DomainName | None, mapping: aws.apigatewayv2.ApiMapping | None
    ) -> aws.route53.Record | None:
        """Point the domain to API Gateway, if the settings name a hosted zone.

        There is no record of the type AAAA: API Gateway gives the domain IPv4 addresses, unless it is ``dualstack``.
        https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-custom-domain-names-ip-address-type.html
        """
        if not domain or not mapping or not self.settings.hosted_zone_id:
            return None
        target = domain.domain_name_configuration
        args = aws.route53.RecordArgs(
            zone_id=self.settings.hosted_zone_id,
            name=domain.domain_name,
            type="A",
            aliases=[
                aws.route53.RecordAliasArgs(
                    name=target.apply(lambda found: found.target_domain_name or ""),
                    zone_id=target.apply(lambda found: found.hosted_zone_id or ""),
                    evaluate_target_health=False,
                )
            ],
        )
        # Nobody finds the domain before it leads somewhere.
        opts = pulumi.ResourceOptions(depends_on=[mapping], protect=False)
        return self.children.make(aws.route53.Record, "domain_record", "domain-record", args, opts)


def domain_url(domain: aws.apigatewayv2.DomainName, *waits_for: pulumi.Resource | None) -> pulumi.Output[str]:
    """Address for clients at a domain of the chat's own.

    Args:
        domain: The domain.
        waits_for: What must exist before anybody gets the address.
    """
    names = [domain.domain_name, *(resource.urn for resource in waits_for if resource)]
    return pulumi.Output.all(*names).apply(lambda known: f"wss://{known[0]}")


def domain_target(domain: aws.apigatewayv2.DomainName) -> pulumi.Output[str]:
    """The name that a record for the domain must point to."""
    return domain.domain_name_configuration.apply(lambda found: found.target_domain_name or "")
