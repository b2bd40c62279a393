"""The AWS managed policies that an SES incident meets.

The quarantine documents are here so that their gap is a testable fact: they
deny looking at SES and rotating keys, and they do not deny sending mail.  The
lists are a selection; what matters for mail, keys and evidence is complete.
"""


def _document(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(*actions):
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


_QUARANTINE_V2 = [
    "cloudtrail:LookupEvents",
    "ec2:RequestSpotInstances", "ec2:RunInstances", "ec2:StartInstances",
    "iam:AddUserToGroup", "iam:AttachGroupPolicy", "iam:AttachRolePolicy",
    "iam:AttachUserPolicy", "iam:ChangePassword", "iam:CreateAccessKey",
    "iam:CreateInstanceProfile", "iam:CreateLoginProfile",
    "iam:CreatePolicyVersion", "iam:CreateRole", "iam:CreateUser",
    "iam:DeleteAccessKey", "iam:DetachUserPolicy", "iam:ListUsers",
    "iam:PassRole", "iam:PutGroupPolicy", "iam:PutRolePolicy",
    "iam:PutUserPermissionsBoundary", "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion", "iam:UpdateAccessKey",
    "iam:UpdateAccountPasswordPolicy", "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile", "iam:UpdateUser",
    "lambda:AddLayerVersionPermission", "lambda:AddPermission",
    "lambda:CreateFunction", "lambda:GetPolicy", "lambda:ListTags",
    "lambda:PutProvisionedConcurrencyConfig", "lambda:TagResource",
    "lambda:UntagResource", "lambda:UpdateFunctionCode",
    "lightsail:Create*", "lightsail:Delete*",
    "lightsail:DownloadDefaultKeyPair", "lightsail:GetInstanceAccessDetails",
    "lightsail:Start*", "lightsail:Update*",
    "organizations:CreateAccount", "organizations:CreateOrganization",
    "organizations:InviteAccountToOrganization",
    "s3:DeleteBucket", "s3:DeleteObject", "s3:DeleteObjectVersion",
    "s3:PutLifecycleConfiguration", "s3:PutBucketAcl",
    "s3:PutBucketOwnershipControls", "s3:DeleteBucketPolicy",
    "s3:ObjectOwnerOverrideToBucketOwner", "s3:PutAccountPublicAccessBlock",
    "s3:PutBucketPolicy", "s3:ListAllMyBuckets",
    "ses:GetSendQuota", "ses:ListIdentities",
    "sts:GetSessionToken", "sts:GetFederationToken",
]
_QUARANTINE_V3 = _QUARANTINE_V2 + [
    "ec2:PurchaseReservedInstancesOffering", "bedrock:InvokeModel",
    "ecs:CreateCluster", "ecs:CreateService", "ecs:RegisterTaskDefinition",
    "sagemaker:CreateEndpointConfig", "sagemaker:CreateNotebookInstance",
]


def _deny(actions):
    return _document({"Effect": "Deny", "Action": actions, "Resource": ["*"]})


DOCUMENTS = {
    "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2":
        ("v5", _deny(_QUARANTINE_V2)),
    "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3":
        ("v3", _deny(_QUARANTINE_V3)),
    "arn:aws:iam::aws:policy/AdministratorAccess":
        ("v1", _document(_allow("*"))),
    "arn:aws:iam::aws:policy/AmazonSESFullAccess":
        ("v1", _document(_allow("ses:*"))),
    "arn:aws:iam::aws:policy/AWSDenyAll":
        ("v1", _deny(["*"])),
}
