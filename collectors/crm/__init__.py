"""Clients of CRMs, one module for each, each imported when it is used."""

import importlib
from collections.abc import Mapping

from collectors.crm.base import Crm
from overheard.errors import CollectorError
from overheard.notifications.outbound_vocabulary import CrmPlatform

_CLIENTS = {
    CrmPlatform.HUBSPOT: "collectors.crm.hubspot:HubSpotCrm",
    CrmPlatform.SALESFORCE: "collectors.crm.salesforce:SalesforceCrm",
    CrmPlatform.PIPEDRIVE: "collectors.crm.pipedrive:PipedriveCrm",
}


def open_crm(platform: CrmPlatform, address: str, secrets: Mapping[str, str], *, timeout: float) -> Crm:
    """A client of somebody's CRM; `CollectorError` where its package is not installed."""
    module, _, name = _CLIENTS[platform].partition(":")
    try:
        found: type[Crm] = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise CollectorError(
            f"{platform.display} needs the package {error.name}, which is not installed: pip install 'overheard[crm]'.",
            permanent=True,
        ) from error
    return found(address, secrets, timeout)
